#pragma once
#include <optional>
#include <string_view>

namespace llmrun {

/// Where the first byte stands that is not part of well-formed UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF).
std::optional<size_t> invalid_utf8(std::string_view text);

}  // namespace llmrun
