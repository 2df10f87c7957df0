#include "launcher/profile/alcf.h"

namespace llmrun {
namespace {

std::string value_of(const Environment& environment, const std::string& name) {
  const auto found = environment.find(name);
  return found == environment.end() ? "" : found->second;
}

}  // namespace

std::vector<Layer> alcf_layers(const Environment& environment, const Catalog& catalog, std::vector<Complaint>& complaints) {
  std::vector<Layer> layers;
  for (const char* name :
       {"USE_FLASH_ATTN", "USE_FLASH_ATTN_V1", "USE_FLASH_ATTN1", "USE_FLASH_ATTN_V2", "USE_FLASH_ATTN2", "USE_FLASH_ATTN_TRITON"})
    if (const std::string value = value_of(environment, name); !value.empty() && value != "0")
      layers.push_back({fmt::format("environment {}", name), Value::nested("train.attention", Value::scalar("flash")), {}});

  if (const std::string key = value_of(environment, "MODEL_SIZE_KEY"); !key.empty()) {
    if (const auto model = catalog.model_of_key(key))
      layers.push_back({"environment MODEL_SIZE_KEY", Value::nested("model", Value::scalar(*model)), {}});
    else
      complaints.push_back({fmt::format("no model profile has the key MODEL_SIZE_KEY={}", key),
                            {},
                            {"set by environment MODEL_SIZE_KEY"},
                            "llmrun profiles list"});
  }
  if (const std::string type = value_of(environment, "SP_TYPE"); !type.empty())
    complaints.push_back({fmt::format("SP_TYPE={}: the rules of the ALCF scripts are not built yet", type),
                          {},
                          {"set by environment SP_TYPE"},
                          "unset SP_TYPE, then --set parallel.sequence=megatron --set parallel.tensor=N"});
  if (const std::string arch = value_of(environment, "MODEL_ARCH"); !arch.empty())
    complaints.push_back({fmt::format("MODEL_ARCH={}: the rules of the ALCF scripts are not built yet", arch),
                          {},
                          {"set by environment MODEL_ARCH"},
                          "unset MODEL_ARCH, then --set model=NAME"});
  return layers;
}

}  // namespace llmrun
