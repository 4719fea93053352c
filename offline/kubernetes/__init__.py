"""The ``kubernetes`` provider: objects applied by server-side apply through the official Python client.

Its answers are those of the official plugin: what changes, what is replaced, and what is stored in the cluster and in the state.
"""
