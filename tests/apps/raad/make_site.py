"""Make a Plone site: ``zconsole run zope.conf make_site.py``."""

import transaction
from AccessControl.SecurityManagement import newSecurityManager
from Products.CMFPlone.factory import addPloneSite
from zope.component.hooks import setSite

PROFILES = "plone.app.contenttypes", "plonetheme.barceloneta", "plone.restapi"
PAGES = {
    "nieuws": "Nieuws van de raad",
    "nieuws/bericht": "De brug is open",
    "mijn": "Mijn zaken",
    "mijn/bezwaar": "Geheim van de burger",
    "intern": "Intern",
    "intern/besluit": "Geheim van de raad",
}

admin = app.acl_users.getUserById("admin").__of__(app.acl_users)  # noqa: F821
newSecurityManager(None, admin)
site = addPloneSite(
    app,  # noqa: F821 - zconsole's
    "Plone",
    title="Raad",
    setup_content=False,
    default_language="nl",
    extension_ids=[f"{name}:default" for name in PROFILES],
)
setSite(site)
site.portal_workflow.setDefaultChain("simple_publication_workflow")
for path, title in PAGES.items():
    where, _, name = path.rpartition("/")
    folder = site.unrestrictedTraverse(where) if where else site
    kind = "Document" if where else "Folder"
    folder.invokeFactory(kind, name, title=title, description=f"Over: {title}")
    site.portal_workflow.doActionFor(folder[name], "publish")
site.acl_users.userFolderAddUser("editor", "Secret-of-editor-1", ["Editor"], [])
transaction.commit()
