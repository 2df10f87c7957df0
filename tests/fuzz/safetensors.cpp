// The header of a safetensors file: a whole file is the input, its data are never touched.
#include "engine/checkpoint/safetensors.h"

#include "engine/checkpoint/safetensors_header.h"
#include "tests/fuzz/target.h"

using namespace llmrun;

namespace {

SafetensorsHeader parse_file(std::string_view file) {
  const auto bytes = static_cast<int64_t>(file.size());
  const int64_t length = header_length(file.substr(0, 8), bytes);
  return parse_header(file.substr(8, static_cast<size_t>(length)), bytes - 8 - length);
}

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const SafetensorsHeader header = parse_file(fuzz::text_of(data, size));
    int64_t end = 0;
    for (const StoredTensor& tensor : header.tensors) {
      fuzz::promise(tensor.offset == end && tensor.bytes == tensor.elements() * dtype_bytes(tensor.dtype), "tensors tile the data");
      end += tensor.bytes;
    }
    fuzz::promise(header.data_begin + end == static_cast<int64_t>(size), "tensors reach the end of the file");

    std::string again = safetensors_header(header.tensors, header.metadata);
    again.resize(again.size() + static_cast<size_t>(end));
    const SafetensorsHeader copy = parse_file(again);
    fuzz::promise(copy.tensors.size() == header.tensors.size() && copy.metadata == header.metadata, "a header written again is the same");
  } catch (const BadHeader&) {
  }
  return 0;
}
