"""EntityDescriptor and all that is in it: roles, keys, endpoints, UIInfo, Extensions.

By module:

* ``descriptor_parts``: the parts of an EntityDescriptor or of a role, and the flags and
  indexes in them.
* ``endpoint_reading``: read the endpoints of a role; keep those whose address can be
  used.
* ``entity_descriptor_reading``: read each EntityDescriptor of trusted metadata, and the
  federation's own values.
* ``extension_reading``: read Extensions: entity attributes, registrar, algorithms and
  scopes.
* ``key_descriptor_reading``: read each KeyDescriptor of a role; keep the keys that can
  be used.
* ``role_descriptor_reading``: read an SPSSODescriptor or IDPSSODescriptor
  (SAML metadata 2.4).
* ``ui_info_reading``: read names, links and logos in mdui:UIInfo.
"""
