"""The demo's model: customers who are made up, a training script in plain Python, and the two versions it wrote down."""
