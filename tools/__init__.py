"""Set-up of the tools, the embedded cluster and the stacks: what the Makefile starts."""
