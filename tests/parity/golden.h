#pragma once
#include <c10/core/Device.h>

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "engine/core/json.h"
#include "engine/core/plan.h"
#include "tests/parity/cases.h"

namespace llmrun {

/// A Hugging Face model trained by plain PyTorch (tests/golden/README.md): what every layout must reproduce.
struct Golden {
  std::filesystem::path dir;
  json run;                    // hyperparameters
  std::vector<json> expected;  // per step: loss, grad_norm, lr

  int64_t global_batch() const { return run.at("global_batch"); }
  GoldenSize size() const;
};

/// "gpt2-tiny". From the sources this was built of, or from $LLMRUN_SOURCE_DIR where they were carried.
Golden read_golden(const std::string& name);

/// The golden run as a plan in run directory `dir`, in fp32 on threads.
Plan golden_plan(const Golden& golden, const ParityCase& parity_case, const std::filesystem::path& dir);

/// Runs the plan with ranks as threads of this process, as `llmrun-rank` does: to its last step, or until rank 0 is asked (SIGTERM) to stop
/// during step `stop_in`. `device` readies a rank's, in its thread.
void run_plan(
    const Plan& plan, int64_t stop_in = 0, const std::function<at::Device(int rank)>& device = [](int) { return at::Device(at::kCPU); });

std::vector<json> read_metrics(const std::filesystem::path& run);

/// The largest relative or absolute differences to the golden run; complaints where something else does not agree (a step is missing, a
/// layout moved no bytes on an axis it has).
struct Agreement {
  double loss = 0;       // relative
  double grad_norm = 0;  // relative
  double weights = 0;    // absolute, of the exported final weights
  std::vector<std::string> complaints;
  bool holds() const { return complaints.empty() && loss <= 1e-5 && grad_norm <= 2e-4 && weights <= 2e-4; }
  std::string text() const;
};
Agreement compare(const Golden& golden, const Plan& plan);

/// Every tensor of a safetensors directory or file, fp32.
std::map<std::string, std::vector<float>> read_tensors(const std::filesystem::path& path);

}  // namespace llmrun
