#include "launcher/rundir/saved_environment.h"

#include <algorithm>
#include <array>

namespace llmrun {
namespace {

constexpr std::array kNames{"PATH",
                            "LD_LIBRARY_PATH",
                            "LD_PRELOAD",
                            "HOME",
                            "USER",
                            "HOSTNAME",
                            "TMPDIR",
                            "LANG",
                            "LC_ALL",
                            "SHELL",
                            "CUDA_VISIBLE_DEVICES",
                            "CUDA_DEVICE_MAX_CONNECTIONS",
                            "IBV_FORK_SAFE",
                            "MODEL_SIZE_KEY",
                            "MODEL_ARCH",
                            "SEQ_LEN",
                            "MICRO_BATCH",
                            "GAS",
                            "SP_TYPE",
                            "ZERO_STAGE",
                            "MPSIZE",
                            "PPSIZE",
                            "SPSIZE",
                            "LOADEDMODULES"};
constexpr std::array kPrefixes{"LLMRUN_", "PBS_",   "SLURM_", "NCCL_", "OMP_", "MKL_",           "OMPI_",  "PRTE_", "PMIX_",
                               "PALS_",   "MPICH_", "FI_",    "CCL_",  "ZE_",  "USE_FLASH_ATTN", "HWLOC_", "TORCH_"};
constexpr std::array kSecrets{"KEY", "TOKEN", "JWT", "SECRET", "PASSW", "CREDENTIAL", "COOKIE", "AUTH"};

bool is_wanted(const std::string& name) {
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end() ||
         std::any_of(kPrefixes.begin(), kPrefixes.end(), [&](const char* prefix) { return name.starts_with(prefix); });
}

/// JSON holds UTF-8 only; a variable may hold any bytes.
std::string printable(const std::string& value) {
  return json::parse(json(value).dump(-1, ' ', false, json::error_handler_t::replace)).get<std::string>();
}

constexpr size_t kShortestSecret = 6;  // what is shorter would be found in any text

}  // namespace

bool speaks_of_a_secret(std::string name) {
  if (name == "MODEL_SIZE_KEY") return false;
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return std::any_of(kSecrets.begin(), kSecrets.end(), [&](const char* word) { return name.find(word) != std::string::npos; });
}

std::string without_secrets(std::string text, const Variables& environment) {
  for (const auto& [name, value] : environment.all()) {
    if (!speaks_of_a_secret(name) || value.size() < kShortestSecret) continue;
    for (size_t at = 0; (at = text.find(value, at)) != std::string::npos;) text.replace(at, value.size(), "***");
  }
  return text;
}

json saved_environment(const Variables& environment) {
  json saved = json::object();
  for (const auto& [name, value] : environment.all())
    if (is_wanted(name) && !speaks_of_a_secret(name)) saved[name] = printable(without_secrets(value, environment));
  return saved;
}

}  // namespace llmrun
