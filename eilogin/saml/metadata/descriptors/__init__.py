"""EntityDescriptor and all that is in it: roles, keys, endpoints, UIInfo, Extensions.

The modules:

* ``descriptor_parts``: The parts of an entity or of a role, with flags and indexes.
* ``endpoint_reading``: Read the endpoints of a role whose address can be used.
* ``entity_descriptor_reading``: Read each EntityDescriptor of trusted metadata.
* ``extension_reading``: Read entity attributes, registrar, algorithms and scopes.
* ``key_descriptor_reading``: Read the keys of a role that can be used.
* ``role_descriptor_reading``: Read an SPSSODescriptor or IDPSSODescriptor.
* ``ui_info_reading``: Read names, links and logos in mdui:UIInfo.
"""
