"""Values, errors and protocols that every room shares; pure, and importing no other room.

Here live the names of things (GroupVersionKind, GroupVersionResource), who asks (UserInfo), what is asked (RequestInfo,
Attributes), what is answered (Decision, StatusError, FieldError), selectors, quantities, and the rules for names.
"""
