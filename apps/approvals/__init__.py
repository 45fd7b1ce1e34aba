"""Approvals: who asks for what, on which evidence, and who decides. Uses keys, events, tenants and core.

Other apps ask by `services.requests.request_approval` and hear of the decision by `bus.receives`; this one knows none of them.
"""
