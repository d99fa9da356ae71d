"""What the text of an honest answer does not need: the names, paths and strings that `introspection` looks for.

Rules are regular expressions, by the phrase that a flag says. LAB in one stands for the week's helper package.
"""

from __future__ import annotations

import re

STACK = "looks at the call stack"
PROCESS = "looks at the process or its environment"
KERNEL = "reaches for the kernel or the judge"
MEMORY = "looks through the objects in memory"
TRACE = "watches calls from outside"
CLOCK = "decides by the clock"
COUNT = "keeps count of its calls"
CHECKS = "looks at the course's checks or references"
REPLACE = "replaces a part of {}"
COMPUTED = "uses a name or code that is put together as it runs"

# what a dotted name that is used may not be
PATHS = {
    STACK: r"inspect\.(stack|trace|currentframe|getouterframes|getinnerframes|getframeinfo)"
    r"|traceback\.(extract_stack|format_stack|print_stack|walk_stack|StackSummary)"
    r"|sys\.(_getframe|_getframemodulename|_current_frames|_current_exceptions)|faulthandler\.dump_traceback",
    PROCESS: r"(os|posix)\.(environb?|getenvb?|getp?pid|getpgid|getpgrp|getsid|getlogin|getuid|uname|fork)"
    r"|sys\.(modules|argv|orig_argv|meta_path|path_hooks|path_importer_cache|gettrace|getprofile)"
    r"|threading\.(enumerate|current_thread|main_thread|active_count|activeCount|currentThread|get_ident|get_native_id)"
    r"|_thread\.get_(ident|native_id)|multiprocessing\.(current_process|parent_process|active_children)"
    r"|asyncio\.(current_task|all_tasks)|(psutil|resource|platform)\.\w+|getpass\.getuser|uuid\.getnode"
    r"|socket\.(gethostname|getfqdn|gethostbyname)",
    KERNEL: r"get_ipython\(\)\.(kernel|parent|events|ast_transformers|input_transform\w*|execution_count)"
    r"|get_ipython\(\)\.set_custom_exc|(coursekit\.(judged|pristine|student|checks)|grader|ipykernel)(\.\w+)*|builtins\.__builtins__",
    MEMORY: r"gc\.(get_objects|get_referrers|get_referents|callbacks)|_?ctypes(\.\w+)*|sys\.getrefcount",
    TRACE: r"(sys|threading)\.(settrace|setprofile|settrace_all_threads|setprofile_all_threads)"
    r"|sys\.(monitoring|addaudithook|call_tracing)",
    CHECKS: r"LAB\.(checks|probes|references?|oracles?|solutions?)(\.\w+)*|(LAB|coursekit)(\.\w+)*\._[a-z]\w*"
    r"|(LAB|coursekit)(\.\w+)*\.__(file|path|spec|loader|globals|code|closure|wrapped)__",
    REPLACE.format("a library, by mock"): r"(unittest\.)?mock\.(patch|patch\..*)|pytest\.MonkeyPatch",
    COMPUTED: r"marshal\.loads?|types\.CodeType|runpy\.\w+",
}
# what it may not be in an answer: there are uses for it elsewhere
IN_ANSWERS = {
    CHECKS: r"LAB\.parts(\.\w+)*",
    PROCESS: r"subprocess\.\w+|os\.(popen|system|exec\w+|spawn\w+|posix_spawn\w*)|pty\.\w+",
}
TIMES = re.compile(
    r"time\.(time|perf_counter|monotonic|process_time|thread_time)(_ns)?|time\.(clock_gettime|localtime|gmtime|ctime"
    r"|strftime|asctime)(_ns)?|datetime\.datetime\.(now|utcnow|today)|datetime\.date\.today|timeit\.default_timer"
    r"|os\.times|pandas\.Timestamp\.(now|today|utcnow)"
)
SOURCES = re.compile(
    r"inspect\.(getsource\w*|getfile|getmodule|getclosurevars|getmembers)|pkgutil\.\w+"
    r"|importlib\.(util\.find_spec|resources\.\w+|machinery\.\w+)"
)

# names that mean one thing only, whatever they are an attribute of, and in a string too
WORDS = {
    STACK: r"_getframe|_getframemodulename|_current_frames|currentframe|getouterframes|getinnerframes|extract_stack"
    r"|format_stack|walk_stack|findCaller|f_back|f_code|f_globals|f_locals|f_builtins|f_lineno|tb_frame|gi_frame|cr_frame|ag_frame",
    PROCESS: r"environb?|getenvb?|getppid|gethostname|orig_argv",
    KERNEL: r"shell_handlers|judge_request|judge_reply|judged|JudgedKernel|IPythonKernel|__builtins__|CROSSMODAL_\w+",
    MEMORY: r"get_objects|get_referrers|get_referents|__subclasses__|ctypes",
    TRACE: r"settrace|setprofile",
}
WORD = re.compile(r"[A-Za-z_]\w*")
IN_STRINGS = {
    PROCESS: r"(^|[^\w.])/proc(/|$)|^proc$",
    KERNEL: r"coursekit\.(judged|student|pristine)|CROSSMODAL_",
    CHECKS: r"\w+_lab[./](checks|reference)|(^|/)checks(\.py|/)|(^|/)LAB(/|$)|LAB[./](checks|reference)",
}
PLAIN_WORDS = {"judged", "environ", "environb", "ctypes"}  # in a string they may be English
DELICATE = "sys|os|posix|inspect|traceback|gc|threading|builtins|coursekit|importlib|time|datetime|get_ipython\\(\\)"
SETTINGS = re.compile(r"\b(options|config|settings|backends)\b")
SHELL = re.compile(r"(?:^|[|;&`(])\s*(printenv|env|ps)\b")
ELSEWHERE = re.compile("colab|kaggle", re.IGNORECASE)  # who asks for these asks where the notebook runs, as many do
STREAMS = {"sys.stdout", "sys.stderr", "sys.path", "sys.dont_write_bytecode", "sys.displayhook"}
SHOWS = {"builtins.print", "IPython.display.display", "display"}
ITERATORS = re.compile(r"itertools\.\w+|builtins\.(iter|enumerate|zip|map|filter|reversed|open)")
CHANGES = {
    *("append", "appendleft", "add", "extend", "insert", "update", "setdefault", "put", "put_nowait", "set", "write"),
    *("pop", "popitem", "popleft", "remove", "discard", "clear", "subtract", "rotate", "send", "__next__"),
    *("__setitem__", "__iadd__"),
}
