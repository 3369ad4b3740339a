"""Read ini files without building anything, and write lines into them.

What belongs here, by module:

``entry_points``
    What eilogin offers to an ini file: its entry points, and the options they
    take.
``ini_drafts``
    The ini lines of a site that joins a federation: commented, and whole.
``ini_hubs``
    The hubs and participants of an ini file, for commands of their operator.
``ini_members``
    The sections of an ini file that are members of a federation.
``ini_pipelines``
    What the sections of an ini file make of each other, with nothing of it
    built.
``ini_sections``
    The sections of a paste ini file as PasteDeploy reads them, with nothing
    built.
``pipeline_wrapping``
    Putting a filter around an application of an ini file that is there already.
"""
