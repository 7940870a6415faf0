"""What `LiveRestore` does: it carries out, in a running training, what it is asked for.

Nothing outside of this package imports from it but `epochline.callbacks.live_restore`.
"""
