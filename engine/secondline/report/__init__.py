"""Recommendation -> text, Markdown and JSON; findings -> text, JSON, JUnit and SARIF."""
