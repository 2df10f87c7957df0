#include "launcher/rundir/alcf_name.h"

#include "engine/core/pipeline/placement.h"
#include "engine/core/spec/spellings.h"

namespace llmrun {

std::string alcf_name(const Config& config, const Layout& layout, int64_t global_batch, const std::string& size_key,
                      const std::string& flash) {
  const ModelConfig& model = config.model;
  const ParallelConfig& parallel = config.parallel;
  std::string name{spelling(model.family)};
  name += '_';
  if (parallel.sequence == SequenceParallel::megatron) name += "SP_";
  if (parallel.recompute != Recompute::none) name += "actCkpt_";
  if (!flash.empty()) name += "flashAttn_" + flash + "_";
  name += !size_key.empty() ? size_key : !model.profile.empty() ? model.profile : "custom";
  name += fmt::format("_z{}_seqlen{}_mp{}_pp{}_sp{}_nl{}_hs{}_gb{}_mb{}", parallel.zero, config.train.seq_len, layout.tensor,
                      layout.pipeline, layout.sequence_size, model.layers, model.hidden, global_batch, config.train.micro_batch);
  if (layout.context > 1) name += fmt::format("_cp{}", layout.context);
  if (const int64_t chunks = pipeline_placement(layout, parallel).chunks; chunks > 1) name += fmt::format("_vp{}", chunks);
  if (parallel.expert > 1) name += fmt::format("_ep{}", parallel.expert);
  return name;
}

}  // namespace llmrun
