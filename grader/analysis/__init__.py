"""What the text of a notebook's cells says, read from its syntax tree and never run.

`figures.only_drawn`: cells that only draw. `bindings.Bindings`: which cells give a name another value.
`introspection.flags`: code that looks at who calls it. `imports.libraries`: what a warm server has to load.

Imports: course.
"""
