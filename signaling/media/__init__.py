"""Media on the server itself: the libraries that decode live here and in processes of their own, nowhere else."""
