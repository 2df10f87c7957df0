#include "engine/train/saved_state.h"

#include "engine/checkpoint/save.h"
#include "engine/core/spec/decode.h"
#include "engine/parallel/agreement.h"

namespace llmrun {
namespace {

/// The flat fp32 tensors of a unit's shard, each with its kind. On a GPU they are host copies; `to_device` brings them back.
class HostState {
 public:
  HostState(Model& model, std::vector<Kind> kinds, Ownership ownership) {
    for (ShardedState& state : model.states()) {
      if (ownership == Ownership::owned && !state.owns_shard()) continue;
      for (Kind kind : kinds) {
        at::Tensor& device = tensor_of(state, kind);
        at::Tensor host = device.to(at::kCPU);  // the tensor itself on a CPU
        for (Piece& piece : unit_pieces(state.buffers().table(), kind, state.shard(), host.mutable_data_ptr<float>(), ownership))
          pieces_.push_back(std::move(piece));
        copies_.emplace_back(&device, std::move(host));
      }
    }
  }

  const std::vector<Piece>& pieces() const { return pieces_; }
  void to_device() {
    for (auto& [device, host] : copies_)
      if (!device->is_same(host)) device->copy_(host);
  }

 private:
  static at::Tensor& tensor_of(ShardedState& state, Kind kind) {
    switch (kind) {
      case Kind::weight:
        return state.master();
      case Kind::exp_avg:
        return state.exp_avg();
      case Kind::exp_avg_sq:
        break;
    }
    return state.exp_avg_sq();
  }
  std::vector<Piece> pieces_;
  std::vector<std::pair<at::Tensor*, at::Tensor>> copies_;
};

}  // namespace

std::vector<std::string> save_state(Model& model, const Mesh& mesh, const Plan& plan, const Progress& progress,
                                    const std::filesystem::path& checkpoints) {
  const HostState state(model, {kKinds.begin(), kKinds.end()}, Ownership::owned);
  const SaveGroup group{static_cast<int>(mesh.rank()), static_cast<int>(mesh.layout().ranks()),
                        [&](bool ok) { return all_agree(mesh, ok, model.stage().device); }};
  const Snapshot snapshot{progress.step,       progress.samples, static_cast<uint64_t>(plan.config.run.seed),
                          plan.layout,         plan.model,       to_json(plan.config),
                          progress.loss_scale, progress.tokens};
  SaveOptions options;
  options.keep = plan.config.checkpoint.keep;
  return save_checkpoint(checkpoints, snapshot, state.pieces(), group, options).notes;
}

Progress load_state(Model& model, const Plan& plan, const CheckpointReader& checkpoint) {
  HostState state(model, {kKinds.begin(), kKinds.end()}, Ownership::all);
  checkpoint.load(state.pieces());
  state.to_device();
  model.publish();
  const Snapshot& saved = checkpoint.snapshot();
  return {saved.step, saved.samples, saved.tokens, loss_scale(plan.config.train, saved.loss_scale)};
}

void load_weights(Model& model, const WeightSource& source) {
  HostState state(model, {Kind::weight}, Ownership::all);
  source.load(state.pieces());
  state.to_device();
  model.publish();
}

}  // namespace llmrun
