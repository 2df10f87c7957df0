#pragma once
#include "launcher/profile/layer.h"

namespace llmrun {

/// The variables of the ALCF Megatron-DeepSpeed scripts that are more than another name for one key: MODEL_SIZE_KEY chooses a model
/// profile, USE_FLASH_ATTN* a fused attention. SP_TYPE and MODEL_ARCH bring those scripts' rules and defaults along, which are not built
/// yet: each is a complaint, never ignored.
std::vector<Layer> alcf_layers(const Environment& environment, const Catalog& catalog, std::vector<Complaint>& complaints);

}  // namespace llmrun
