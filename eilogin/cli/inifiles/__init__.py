"""Read ini files without building anything, and write lines into them.

Rules on what a file should contain belong into ``checks``.

``entry_points``
    The entry points that eilogin offers to an ini file, and their options.
``ini_drafts``
    Write the ini lines of a site that joins a federation.
``ini_members``
    The sections of an ini file that are members of a federation.
``ini_pipelines``
    The pipelines that the sections of an ini file form.
``ini_sections``
    The sections of an ini file as PasteDeploy reads them.
``pipeline_wrapping``
    Put a filter around an existing application of an ini file.
"""
