/* What is used of the CUDA runtime and of cuBLASLt: the toolkit's own (GLIMT_CUDA), or the shim's,
 * which runs everything on the CPU. */
#ifndef GLIMT_GPU_CUDA_H
#define GLIMT_GPU_CUDA_H
#ifdef GLIMT_CUDA
#include <cublasLt.h>
#include <cuda_runtime_api.h>
#else
#include "gpu/shim/cuda_api.h"
#endif
#endif
