"""What runs beside a server's requests: the publisher, and the readings of the server itself."""
