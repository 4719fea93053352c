"""The ``kubernetes`` provider: objects applied by server-side apply through the official Python client.

It answers as the official plugin does: what changes, what is replaced, what ends up in the cluster and in the state.
"""
