/* What a call of the runtime or of cuBLASLt came to: an error, or a device that is gone. */
#include "gpu/gpu_private.h"

/* After these no call works any more, in this process. */
static bool is_the_end(cudaError_t code)
{
    switch (code) {
    case cudaErrorECCUncorrectable:
    case cudaErrorNvlinkUncorrectable:
    case cudaErrorIllegalAddress:
    case cudaErrorLaunchTimeout:
    case cudaErrorContextIsDestroyed:
    case cudaErrorAssert:
    case cudaErrorHardwareStackError:
    case cudaErrorIllegalInstruction:
    case cudaErrorMisalignedAddress:
    case cudaErrorInvalidAddressSpace:
    case cudaErrorInvalidPc:
    case cudaErrorLaunchFailure:
    case cudaErrorUnknown: return true;
    default: return false;
    }
}

bool gpu_lost(const struct gpu *g, struct error *e)
{
    if (!g->lost[0])
        return false;
    error_set(e, ERROR_LOST, "%s lost (%s)", g->name, g->lost);
    return true;
}

bool gpu_check(struct gpu *g, struct error *e, const char *what, cudaError_t code)
{
    if (code == cudaSuccess)
        return true;
    if (is_the_end(code) && !g->lost[0])
        snprintf(g->lost, sizeof g->lost, "%s", cudaGetErrorString(code));
    if (gpu_lost(g, e))
        return false;
    cudaGetLastError(); /* told; what comes next is not blamed for it */
    return error_set(e, code == cudaErrorMemoryAllocation ? ERROR_MEMORY : ERROR_SYSTEM,
                     "cuda: %s: %s", what, cudaGetErrorString(code));
}

bool gpu_begin(struct gpu *g, struct error *e)
{
    return !gpu_lost(g, e) && gpu_check(g, e, "choosing the device", cudaSetDevice(g->ordinal));
}

bool queue_check(struct gpu_queue *q, const char *what, cudaError_t code)
{
    return gpu_check(q->gpu, &q->base.err, what, code);
}

bool queue_lt_check(struct gpu_queue *q, const char *what, cublasStatus_t status)
{
    if (status == CUBLAS_STATUS_SUCCESS)
        return true;
    const cudaError_t code = cudaEventQuery(q->marked[0]); /* tells whether it is the end */
    if (code == cudaErrorNotReady)
        cudaGetLastError();
    else
        queue_check(q, what, code);
    return error_set(&q->base.err,
                     status == CUBLAS_STATUS_ALLOC_FAILED ? ERROR_MEMORY : ERROR_SYSTEM,
                     "cuda: cuBLASLt refuses %s (status %d)", what, (int)status);
}
