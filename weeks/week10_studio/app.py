"""The studio as a web app: `streamlit run app.py`, or `make studio` in the course's tree.

What it works with is said by the environment: STUDIO_PROFILE ("tiny" or "full"), STUDIO_PARTS (the module that your
notebook writes), STUDIO_HISTORY (the SQLite file).
"""

from studio_lab import page

page.main()
