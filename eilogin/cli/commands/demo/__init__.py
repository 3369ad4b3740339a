"""``eilogin demo``: a whole federation on a laptop, from a clone of the project.

``demo_command``
    Find ``paste.ini``, make its missing files, and serve it.
``demo_preparation``
    Make the missing files of the demo, and describe its sites.
``demo_files``
    The files under ``var/`` that the ini file of the demo names.
``demo_metadata``
    The signed metadata of the demo, in the folder of its operator.
``demo_guide``
    The guide: a page with things to try, and switches for sites.
"""
