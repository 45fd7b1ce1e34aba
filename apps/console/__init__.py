"""The web console: server-rendered pages over the same services and queries the other doors use.

It owns no table and no rule. A page is a view in `views/`, a folder in `templates/console/`, and a line in
`navigation.py`.
"""
