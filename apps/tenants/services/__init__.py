"""Every deed of this app, one module a noun. Authorise, check the state, write and announce in one transaction."""
