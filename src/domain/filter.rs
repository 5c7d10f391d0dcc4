//! The filter words of lists (`env:prod type:postgres !tag:legacy orders`), and the order in which roles match.
