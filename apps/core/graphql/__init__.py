"""The base of the GraphQL door: one view, one way to execute within limits, fields that name their permission.

An app's `graphql.py` declares types (`types.HouseType`), root fields (`fields.HouseField`,
`connections.ConnectionField`) in a class `Query`, deeds (`mutations.HouseMutation`) in a class `Mutation`, and
live fields (`fields.LiveField`) in a class `Subscription`; `config/schema.py` combines them.
"""
