// PREFIX.idx of a tokenized dataset. The input is the number of bytes of PREFIX.bin (uint32, little-endian), then PREFIX.idx.
#include <algorithm>
#include <cstring>
#include <filesystem>
#include <vector>

#include "engine/core/dataset/indexed_dataset.h"
#include "engine/core/error.h"
#include "tests/fuzz/target.h"
#include "tests/support/temporary_directory.h"

using namespace llmrun;

namespace {

void read(const IndexedDataset& dataset) {
  int64_t tokens = 0;
  for (int64_t document = 0; document < dataset.documents(); ++document) tokens += dataset.document_tokens(document);
  fuzz::promise(tokens <= dataset.tokens(), "documents lie inside the data");
  std::vector<int64_t> out(static_cast<size_t>(std::min<int64_t>(dataset.tokens(), 1000)));
  dataset.read(0, out);
  const int64_t last = dataset.tokens() - static_cast<int64_t>(out.size());
  dataset.read(last, out);
  dataset.document_begins(last, out);
  for (int64_t i = 0; i < std::ssize(out); ++i)
    fuzz::promise(0 <= out[static_cast<size_t>(i)] && out[static_cast<size_t>(i)] <= last + i, "a document begins at its tokens or before");
}

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const TemporaryDirectory directory;
  uint32_t data_bytes = 0;
  if (size < sizeof data_bytes) return 0;
  std::memcpy(&data_bytes, data, sizeof data_bytes);
  const std::string prefix = directory / "tokens";
  fuzz::write_file(prefix + ".idx", fuzz::text_of(data, size).substr(sizeof data_bytes));
  fuzz::write_file(prefix + ".bin", "");
  std::filesystem::resize_file(prefix + ".bin", data_bytes);  // zeros, and none of them on the disk
  try {
    read(IndexedDataset(prefix));
  } catch (const Error& refused) {
    fuzz::promise(refused.code() == Exit::preflight, "a refused index is told as a preflight error");
  }
  return 0;
}
