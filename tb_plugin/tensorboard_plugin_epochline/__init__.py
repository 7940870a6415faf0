"""The Checkpoints panel inside TensorBoard: a thin view over the `epochline` package.

TensorBoard enters at `loader.Loader`. Nothing here imports Keras or TensorFlow, and nothing opens
a checkpoint with HDF5: files are compared and copied as bytes. The HTTP interface is in
`http_api.md`.
"""
