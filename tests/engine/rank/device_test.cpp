#include "engine/rank/device.h"

#include "tests/support/tensor_test.h"
// torch first

#include <ATen/Context.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include "engine/comm/gpu.h"
#include "engine/core/error.h"
#include "engine/rank/gpu_peak.h"

using namespace llmrun;

namespace {

Exit code_of(const DeviceNeeds& needs) {
  try {
    prepare_device(needs, 0);
  } catch (const Error& error) {
    return error.code();
  }
  return Exit::done;
}

}  // namespace

TEST_CASE("kernels that do not exist on a GPU are exit 3, before a GPU is looked for") {
  const DeviceNeeds gpu{.device = Device::cuda, .precision = Precision::fp32};
  for (const AttentionKind named : {AttentionKind::flash, AttentionKind::cudnn}) {
    DeviceNeeds needs = gpu;
    needs.attention = named;
    CHECK(code_of(needs) == Exit::config);
    needs.device = Device::cpu;
    CHECK_NOTHROW(check_kernels(needs));
    needs.device = Device::cuda;
    needs.precision = Precision::bf16;
    CHECK_NOTHROW(check_kernels(needs));
  }
  CHECK_NOTHROW(check_kernels(gpu));  // auto: the memory-efficient kernel
  CHECK(code_of({Device::cuda, Precision::bf16, AttentionKind::cudnn, /*deterministic=*/true}) == Exit::config);
}

TEST_CASE("train.deterministic reaches LibTorch, and so does its absence") {
  prepare_device({.deterministic = true}, 0);
  CHECK(at::globalContext().deterministicAlgorithms());
  CHECK_FALSE(at::globalContext().deterministicFillUninitializedMemory());
  prepare_device({.deterministic = false}, 0);
  CHECK_FALSE(at::globalContext().deterministicAlgorithms());
  CHECK_FALSE(at::globalContext().allowTF32CuBLAS());
  CHECK_FALSE(at::globalContext().allowTF32CuDNN());
}

TEST_CASE("a rank on a GPU gets it, or exit 5 that says why not") {
  const DeviceNeeds needs{.device = Device::cuda};
  const VisibleGpus gpus = visible_gpus();
  if (gpus.count > 0) {
    CHECK(prepare_device(needs, 0) == at::Device(at::kCUDA, 0));
    CHECK(c10::impl::VirtualGuardImpl(at::kCUDA).getDevice() == at::Device(at::kCUDA, 0));
    CHECK_FALSE(gpu_name(0).empty());
  } else {
    CHECK_FALSE(gpus.why_none.empty());
    CHECK(code_of(needs) == Exit::preflight);
  }
}

TEST_CASE("the CUDA module brings LibTorch's kernels, with or without a GPU") {
  if (!LLMRUN_TEST_CUDA_MODULE) {  // built without a toolkit
    CHECK(visible_gpus().why_none.find("llmrun_cuda.so") != std::string::npos);
    return;
  }
  cuda_module();
  for (const c10::OperatorName& name : {c10::OperatorName{"aten::mm", ""}, c10::OperatorName{"aten::addmm", "dtype_out"},
                                        c10::OperatorName{"aten::_scaled_dot_product_flash_attention", ""}}) {
    const auto schema = c10::Dispatcher::singleton().findSchema(name);
    CAPTURE(name.name);
    CHECK((schema && schema->hasKernelForDispatchKey(c10::DispatchKey::CUDA)));
  }
}

TEST_CASE("the peak of a GPU is known by its driver's name") {
  CHECK(gpu_peak_tflops("NVIDIA H100 80GB HBM3", Precision::bf16) == 989);
  CHECK(gpu_peak_tflops("NVIDIA H100 PCIe", Precision::bf16) == 756);
  CHECK(gpu_peak_tflops("NVIDIA A100-SXM4-40GB", Precision::fp32) == 19.5);
  CHECK(gpu_peak_tflops("cpu", Precision::bf16) == 0);
}
