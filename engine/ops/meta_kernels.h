#pragma once

namespace llmrun {

/// Teaches LibTorch's meta device the operators that a training step asks of a GPU and that have no kernel for it in C++. Each allocates
/// what its CUDA kernel does (PyTorch 2.11, ATen/native/cuda and ATen/native/transformers/cuda), computes nothing, and a number read back
/// is 1. Not among it: what cuDNN and the memory-efficient attention take for themselves. Of the process, once; a step on any other device
/// is untouched.
void know_meta_kernels();

}  // namespace llmrun
