#pragma once
#include <cstdint>
#include <stdexcept>
#include <string_view>

#include "engine/checkpoint/safetensors.h"

namespace llmrun {

/// Why a header is refused: "its header names 'x' twice". SafetensorsFile adds the path.
struct BadHeader : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Bytes of the JSON text. `first_eight_bytes` is shorter where the file is. Throws BadHeader.
int64_t header_length(std::string_view first_eight_bytes, int64_t file_bytes);

/// Checks everything the text says against the bytes that follow it. Throws BadHeader.
SafetensorsHeader parse_header(std::string_view text, int64_t data_bytes);

}  // namespace llmrun
