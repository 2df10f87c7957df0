#pragma once
#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>

namespace llmrun {

/// What a unit's forward keeps for its backward, and what backward_input leaves for backward_weight. Nothing else is kept: the bytes
/// here are the activation memory that engine/core/memory.h predicts.
enum class Slot {
  input,  // all that full recompute keeps
  // after forward
  attention_norm_mean,
  attention_norm_rstd,
  attention_norm_out,
  qkv,
  attention_out,
  attention_heads_out,  // inside the Ulysses exchange; without one it is attention_out itself
  attention_lse,
  attention_seed,
  attention_offset,
  middle,
  mlp_norm_mean,
  mlp_norm_rstd,
  mlp_norm_out,
  mlp_in,
  head_dx,
  // between backward_input and backward_weight
  mlp_out_dy,
  mlp_in_dy,
  attention_out_dy,
  qkv_dy,
  embedding_dy,
};
inline constexpr size_t kSlots = static_cast<size_t>(Slot::embedding_dy) + 1;

class Saved {
 public:
  at::Tensor& operator[](Slot slot) { return tensors_[static_cast<size_t>(slot)]; }
  /// Takes the tensor out: its memory goes as soon as the caller lets go.
  at::Tensor take(Slot slot) { return std::exchange((*this)[slot], at::Tensor()); }

  std::array<at::Tensor, kSlots>& tensors() { return tensors_; }

  /// Bytes of all tensors held; one tensor in two slots counts once.
  int64_t bytes() const {
    int64_t sum = 0;
    for (size_t i = 0; i < kSlots; ++i) {
      bool seen = !tensors_[i].defined();
      for (size_t j = 0; j < i && !seen; ++j) seen = tensors_[j].is_same(tensors_[i]);
      if (!seen) sum += static_cast<int64_t>(tensors_[i].nbytes());
    }
    return sum;
  }

 private:
  std::array<at::Tensor, kSlots> tensors_;
};

}  // namespace llmrun
