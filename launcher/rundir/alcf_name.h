#pragma once
#include <string>

#include "engine/core/plan.h"

namespace llmrun {

/// The run's name as the ALCF Megatron-DeepSpeed scripts write it, so that years of directories sort together:
/// gpt_SP_actCkpt_GPT13B_z1_seqlen1024_mp8_pp1_sp1_nl40_hs5120_gb1_mb1. `size_key`: MODEL_SIZE_KEY as it was spelled; empty: the model
/// profile's name, else "custom". `flash`: "v1", "v2" or "triton" where USE_FLASH_ATTN_V1 and its kin chose the kernel, else empty.
std::string alcf_name(const Config& config, const Layout& layout, int64_t global_batch, const std::string& size_key,
                      const std::string& flash);

}  // namespace llmrun
