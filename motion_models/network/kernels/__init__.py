"""A motion module in a few GPU kernels, written in Triton. `choice` decides where they run.

Matrix products stay with the layers, so ComfyUI casts, patches and offloads their weights as ever. A kernel replaces
what lies between two products. It reads and writes each tensor once, where torch's operations do it several times.

Only `choice` may be imported without Triton.
"""
