#pragma once
#include "engine/core/identity.h"
#include "launcher/launch/program_rank.h"
#include "launcher/process/variables.h"

namespace llmrun {

/// What a program that is none of ours finds in its environment: torchrun's names for who it is, whatever the launcher's are (MASTER_ADDR
/// and MASTER_PORT have come with the launch), and its GPU as the only one that it sees: CUDA_VISIBLE_DEVICES, ROCR_VISIBLE_DEVICES or
/// ZE_AFFINITY_MASK. Where such a list is there already (a scheduler's), the GPU is one of it. GPUs of `xpu` are the tiles of cards of two,
/// unless ZE_FLAT_DEVICE_HIERARCHY is FLAT.
void set_rank_environment(const ProgramRank& rank, const Identity& identity, Variables& environment);

}  // namespace llmrun
