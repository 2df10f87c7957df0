#include "engine/core/dataset/token_type.h"

#include <array>

namespace llmrun {
namespace {

struct Row {
  TokenType type;
  int64_t bytes;
  std::string_view name;
};
constexpr std::array<Row, 6> kTypes{{{TokenType::uint8, 1, "uint8"},
                                     {TokenType::int8, 1, "int8"},
                                     {TokenType::int16, 2, "int16"},
                                     {TokenType::int32, 4, "int32"},
                                     {TokenType::int64, 8, "int64"},
                                     {TokenType::uint16, 2, "uint16"}}};

const Row& row(TokenType type) {
  for (const Row& candidate : kTypes) {
    if (candidate.type == type) return candidate;
  }
  __builtin_unreachable();  // a TokenType comes from token_type_of_code or from a literal
}

}  // namespace

std::optional<TokenType> token_type_of_code(uint8_t code) {
  for (const Row& candidate : kTypes) {
    if (static_cast<uint8_t>(candidate.type) == code) return candidate.type;
  }
  return std::nullopt;
}

int64_t token_bytes(TokenType type) { return row(type).bytes; }
std::string_view token_type_name(TokenType type) { return row(type).name; }
TokenType token_type_for_vocab(int64_t vocab) { return vocab <= 65536 ? TokenType::uint16 : TokenType::int32; }

}  // namespace llmrun
