"""Read ini files without building anything, and write lines into them.

* ``entry_points``: the entry points that eilogin offers, and their options.
* ``ini_drafts``: writes the ini lines of a site that joins a federation.
* ``ini_members``: the sections of an ini file that are members of a federation.
* ``ini_pipelines``: the pipelines that the sections of an ini file form.
* ``ini_sections``: the sections of an ini file as PasteDeploy reads them.
* ``pipeline_wrapping``: puts a filter around an application of an ini file.
"""
