#pragma once
#include <array>
#include <optional>
#include <string_view>
#include <type_traits>

#include "engine/core/spec/config.h"

namespace llmrun {

// The words of every enum of config.h, in the order of its enumerators: the one place where they are written.

template <typename... Words>
constexpr std::array<std::string_view, sizeof...(Words)> words(Words... list) {
  return {std::string_view(list)...};
}

template <typename E>
inline constexpr auto kSpellings = nullptr;  // only the enums below have words
template <>
inline constexpr auto kSpellings<Family> = words("gpt", "llama", "neox");
template <>
inline constexpr auto kSpellings<Positions> = words("learned", "rotary");
template <>
inline constexpr auto kSpellings<Norm> = words("layernorm", "rmsnorm");
template <>
inline constexpr auto kSpellings<Activation> = words("gelu_tanh", "swiglu");
template <>
inline constexpr auto kSpellings<SequenceParallel> = words("none", "megatron", "ulysses");
template <>
inline constexpr auto kSpellings<Recompute> = words("none", "selective", "full");
template <>
inline constexpr auto kSpellings<Schedule> = words("gpipe", "1f1b", "interleaved", "zero_bubble", "zero_bubble_v");
template <>
inline constexpr auto kSpellings<CommunicatorKind> = words("auto", "nccl", "mpi", "tcp", "thread");
template <>
inline constexpr auto kSpellings<Offload> = words("optimizer", "parameters", "activations");
template <>
inline constexpr auto kSpellings<Precision> = words("fp32", "bf16", "fp16", "fp8");
template <>
inline constexpr auto kSpellings<AttentionKind> = words("auto", "flash", "cudnn", "plain");
template <>
inline constexpr auto kSpellings<Objective> = words("pretrain", "sft", "dpo");
template <>
inline constexpr auto kSpellings<LrSchedule> = words("cosine", "linear", "constant", "wsd");
template <>
inline constexpr auto kSpellings<RopeType> = words("default", "linear", "llama3");
template <>
inline constexpr auto kSpellings<DataOrder> = words("shuffled", "sequential");

/// spelling(Schedule::one_f_one_b) == "1f1b".
template <typename E>
  requires std::is_enum_v<E>
constexpr std::string_view spelling(E value) {
  return kSpellings<E>[static_cast<size_t>(value)];
}

template <typename E>
  requires std::is_enum_v<E>
constexpr std::optional<E> from_spelling(std::string_view word) {
  for (size_t i = 0; i < kSpellings<E>.size(); ++i)
    if (kSpellings<E>[i] == word) return static_cast<E>(i);
  return {};
}

}  // namespace llmrun
