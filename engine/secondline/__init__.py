"""secondline: should the CDK4/6 inhibitor go on in second-line therapy? Evidence-annotated decision support."""

__version__ = "0.1.0"
