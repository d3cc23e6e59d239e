"""What measuring is made of: questions with what is expected, values a question, what is sure of them, and how they are shown."""
