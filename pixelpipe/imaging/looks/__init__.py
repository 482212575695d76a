"""What a picture looks like: its colours, its subject, whether it is a drawing."""
