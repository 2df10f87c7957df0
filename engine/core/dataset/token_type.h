#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

namespace llmrun {

/// How a token is stored; the numbers are those of Megatron's .idx file (6 and 7 are floats there and never tokens).
enum class TokenType : uint8_t { uint8 = 1, int8 = 2, int16 = 3, int32 = 4, int64 = 5, uint16 = 8 };

std::optional<TokenType> token_type_of_code(uint8_t code);
int64_t token_bytes(TokenType type);
std::string_view token_type_name(TokenType type);

/// What Megatron takes for a vocabulary of this size: uint16 while every id fits, else int32 (its format has no uint32).
TokenType token_type_for_vocab(int64_t vocab);

}  // namespace llmrun
