#include "engine/rank/gpu_peak.h"

namespace llmrun {
namespace {

struct Peak {
  std::string_view name;  // how the driver's name begins
  double half, fp32;      // bf16 and fp16 alike
};

// NVIDIA's data sheets, without sparsity; fp32 without TF32. The first match counts.
constexpr Peak kPeaks[]{
    {"NVIDIA A100", 312, 19.5},   {"NVIDIA H100 PCIe", 756, 51}, {"NVIDIA H100 NVL", 835, 60}, {"NVIDIA H100", 989, 67},
    {"NVIDIA H200 NVL", 835, 60}, {"NVIDIA H200", 989, 67},      {"NVIDIA GH200", 989, 67},
};

}  // namespace

double gpu_peak_tflops(std::string_view name, Precision precision) {
  for (const Peak& peak : kPeaks)
    if (name.starts_with(peak.name)) return precision == Precision::fp32 ? peak.fp32 : peak.half;
  return 0;
}

}  // namespace llmrun
