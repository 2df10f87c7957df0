#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>
#include <utility>

#include "engine/checkpoint/safetensors.h"
#include "engine/checkpoint/safetensors_header.h"

namespace llmrun {
namespace {

using Json = nlohmann::json;  // sorted keys: a header may hold a hundred thousand of them

constexpr std::pair<std::string_view, int64_t> kDtypes[] = {
    {"F64", 8}, {"F32", 4}, {"F16", 2}, {"BF16", 2}, {"F8_E4M3", 1}, {"F8_E5M2", 1}, {"I64", 8},  {"I32", 4},
    {"I16", 2}, {"I8", 1},  {"U64", 8}, {"U32", 4},  {"U16", 2},     {"U8", 1},      {"BOOL", 1},
};

constexpr const char* kMetadata = "__metadata__";

[[noreturn]] void reject(std::string reason) { throw BadHeader(std::move(reason)); }

/// Parses with what nlohmann-json would let pass: a key written twice, and nesting deeper than the format has.
Json parse_strictly(std::string_view text) {
  constexpr int kDeepest = 3;  // {tensor: {field: [number]}}
  std::vector<std::set<std::string>> keys(kDeepest + 1);
  const auto watch = [&](int depth, Json::parse_event_t event, Json& parsed) {
    if (event == Json::parse_event_t::object_start || event == Json::parse_event_t::array_start) {
      if (depth >= kDeepest) reject("its header is nested too deeply");
      keys[static_cast<size_t>(depth)].clear();
    } else if (event == Json::parse_event_t::key) {
      // The parser tells the depth inside the object here and outside of it at object_start.
      const std::string key = parsed.get<std::string>();
      if (!keys[static_cast<size_t>(depth) - 1].insert(key).second) reject(fmt::format("its header names '{}' twice", key));
    }
    return true;
  };
  try {
    return Json::parse(text, watch);
  } catch (const Json::exception& failure) {
    reject("its header is not JSON");
  }
}

const Json& field(const Json& tensor, const std::string& name, const char* key) {
  const auto found = tensor.find(key);
  if (found == tensor.end()) reject(fmt::format("tensor '{}' has no {}", name, key));
  return *found;
}

std::vector<int64_t> naturals(const Json& list, const std::string& name, const char* key) {
  if (!list.is_array()) reject(fmt::format("{} of tensor '{}' is not a list", key, name));
  std::vector<int64_t> numbers;
  for (const Json& number : list) {
    if (!number.is_number_unsigned() || number.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX))
      reject(fmt::format("{} of tensor '{}' holds {}, which is no natural number", key, name, number.dump()));
    numbers.push_back(number.get<int64_t>());
  }
  return numbers;
}

StoredTensor parse_tensor(const std::string& name, const Json& json) {
  if (!json.is_object() || json.size() != 3) reject(fmt::format("tensor '{}' is not {{dtype, shape, data_offsets}}", name));
  StoredTensor tensor;
  tensor.name = name;
  const Json& dtype = field(json, name, "dtype");
  if (!dtype.is_string() || dtype_bytes(dtype.get<std::string>()) == 0)
    reject(fmt::format("tensor '{}' has the unknown dtype {}", name, dtype.dump()));
  tensor.dtype = dtype.get<std::string>();
  tensor.shape = naturals(field(json, name, "shape"), name, "shape");
  const std::vector<int64_t> offsets = naturals(field(json, name, "data_offsets"), name, "data_offsets");
  if (offsets.size() != 2 || offsets[0] > offsets[1]) reject(fmt::format("data_offsets of tensor '{}' are not [begin, end]", name));
  tensor.offset = offsets[0];
  tensor.bytes = offsets[1] - offsets[0];
  int64_t bytes = dtype_bytes(tensor.dtype);
  for (const int64_t size : tensor.shape)
    if (__builtin_mul_overflow(bytes, size, &bytes)) reject(fmt::format("the shape of tensor '{}' overflows", name));
  if (bytes != tensor.bytes) reject(fmt::format("tensor '{}' has {} bytes where its shape needs {}", name, tensor.bytes, bytes));
  return tensor;
}

void require_tiling(const std::vector<StoredTensor>& tensors, int64_t data_bytes) {
  int64_t end = 0;
  for (const StoredTensor& tensor : tensors) {
    if (tensor.offset != end)
      reject(fmt::format("tensor '{}' begins at byte {} of the data, the one before it ends at {}", tensor.name, tensor.offset, end));
    if (tensor.bytes > data_bytes - end)
      reject(
          fmt::format("tensor '{}' ends at byte {} of the data, the file has {}", tensor.name, tensor.offset + tensor.bytes, data_bytes));
    end += tensor.bytes;
  }
  if (end != data_bytes) reject(fmt::format("its tensors take {} bytes of data, the file has {}", end, data_bytes));
}

}  // namespace

int64_t dtype_bytes(std::string_view dtype) {
  for (const auto& [name, bytes] : kDtypes)
    if (name == dtype) return bytes;
  return 0;
}

int64_t StoredTensor::elements() const { return std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>()); }

std::string safetensors_header(const std::vector<StoredTensor>& tensors, const std::map<std::string, std::string>& metadata) {
  std::string text = "{";
  if (!metadata.empty()) text += fmt::format("\"{}\":{},", kMetadata, Json(metadata).dump());
  for (const StoredTensor& tensor : tensors)
    text += fmt::format("{}:{{\"dtype\":\"{}\",\"shape\":{},\"data_offsets\":[{},{}]}},", Json(tensor.name).dump(), tensor.dtype,
                        Json(tensor.shape).dump(), tensor.offset, tensor.offset + tensor.bytes);
  if (text.back() == ',') text.pop_back();
  text += '}';
  text.resize((text.size() + 7) / 8 * 8, ' ');
  std::string start(8, '\0');
  for (size_t i = 0; i < 8; ++i) start[i] = static_cast<char>(text.size() >> (8 * i));
  return start + text;
}

int64_t header_length(std::string_view first_eight_bytes, int64_t file_bytes) {
  if (first_eight_bytes.size() < 8) reject(fmt::format("it has {} bytes, not even a header's length", file_bytes));
  uint64_t length = 0;
  for (size_t i = 0; i < 8; ++i) length |= static_cast<uint64_t>(static_cast<uint8_t>(first_eight_bytes[i])) << (8 * i);
  if (length > static_cast<uint64_t>(kMaxHeaderBytes))
    reject(fmt::format("its header claims {} bytes, the limit is {}", length, kMaxHeaderBytes));
  if (static_cast<int64_t>(length) > file_bytes - 8) reject(fmt::format("its header claims {} bytes, the file has {}", length, file_bytes));
  return static_cast<int64_t>(length);
}

SafetensorsHeader parse_header(std::string_view text, int64_t data_bytes) {
  if (text.empty() || text.front() != '{') reject("its header does not begin with '{'");
  const Json json = parse_strictly(text);
  SafetensorsHeader header;
  header.data_begin = 8 + static_cast<int64_t>(text.size());
  for (const auto& [name, value] : json.items()) {
    if (name != kMetadata) {
      header.tensors.push_back(parse_tensor(name, value));
      continue;
    }
    if (!value.is_object()) reject("its metadata are not an object");
    for (const auto& [key, word] : value.items()) {
      if (!word.is_string()) reject(fmt::format("'{}' of its metadata is not a string", key));
      header.metadata[key] = word.get<std::string>();
    }
  }
  std::sort(header.tensors.begin(), header.tensors.end(),
            [](const StoredTensor& a, const StoredTensor& b) { return std::pair(a.offset, a.bytes) < std::pair(b.offset, b.bytes); });
  require_tiling(header.tensors, data_bytes);
  return header;
}

}  // namespace llmrun
