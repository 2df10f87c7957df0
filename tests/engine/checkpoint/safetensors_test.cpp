#include "engine/checkpoint/safetensors.h"

#include <cmath>
#include <fstream>
#include <limits>

#include "engine/core/file.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/test.h"

namespace llmrun {
namespace {

std::string little_endian(uint64_t number) {
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes += static_cast<char>(number >> (8 * i));
  return bytes;
}

std::string file_of(const std::string& header, size_t data_bytes) {
  return little_endian(header.size()) + header + std::string(data_bytes, '\1');
}

/// Why a file with these bytes is refused; "accepted" when it is not.
std::string why(const std::string& bytes) {
  TemporaryDirectory directory;
  const std::string path = directory / "model.safetensors";
  std::ofstream(path, std::ios::binary) << bytes;
  try {
    SafetensorsFile file(path, Exit::preflight);
    return "accepted";
  } catch (const Error& error) {
    CHECK(error.code() == Exit::preflight);
    CHECK(error.complaints()[0].hint != "");
    const std::string text = error.what();
    CHECK(text.find(path) == 1);
    return text.substr(path.size() + 2);
  }
}

constexpr const char* kPrefix = " is not a valid safetensors file: ";

TEST_CASE("a file that lies is refused with the reason, and no byte beyond it is read") {
  struct Lie {
    std::string bytes;
    const char* reason;
  };
  const std::string good = R"("a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]})";
  const std::string deep(1 << 20, '[');
  const Lie lies[] = {
      {"", "it has 0 bytes, not even a header's length"},
      {"1234567", "it has 7 bytes, not even a header's length"},
      {little_endian(2), "its header claims 2 bytes, the file has 8"},
      {little_endian(UINT64_MAX) + "{}", "its header claims 18446744073709551615 bytes, the limit is 67108864"},
      {little_endian((64u << 20) + 1) + "{}", "its header claims 67108865 bytes, the limit is 67108864"},
      {file_of("", 0), "its header does not begin with '{'"},
      {file_of("  {}", 0), "its header does not begin with '{'"},
      {file_of("[]", 0), "its header does not begin with '{'"},
      {file_of("{" + good, 8), "its header is not JSON"},
      {file_of("{" + good + "}x", 8), "its header is not JSON"},
      {file_of("{\"\xff\":1}", 0), "its header is not JSON"},
      {file_of("{" + good + "," + good + "}", 8), "its header names 'a' twice"},
      {file_of(R"({"a":{"dtype":"F32","dtype":"F32","shape":[],"data_offsets":[0,4]}})", 4), "its header names 'dtype' twice"},
      {file_of("{\"a\":" + deep, 0), "its header is nested too deeply"},
      {file_of(R"({"a":{"b":{"c":{}}}})", 0), "its header is nested too deeply"},
      {file_of(R"({"a":1})", 0), "tensor 'a' is not {dtype, shape, data_offsets}"},
      {file_of(R"({"a":{"dtype":"F32","shape":[2]}})", 8), "tensor 'a' is not {dtype, shape, data_offsets}"},
      {file_of(R"({"a":{"dtype":"F32","shape":[2],"offsets":[0,8]}})", 8), "tensor 'a' has no data_offsets"},
      {file_of(R"({"a":{"dtype":"F33","shape":[2],"data_offsets":[0,8]}})", 8), "tensor 'a' has the unknown dtype \"F33\""},
      {file_of(R"({"a":{"dtype":4,"shape":[2],"data_offsets":[0,8]}})", 8), "tensor 'a' has the unknown dtype 4"},
      {file_of(R"({"a":{"dtype":"F32","shape":2,"data_offsets":[0,8]}})", 8), "shape of tensor 'a' is not a list"},
      {file_of(R"({"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}})", 8),
       "shape of tensor 'a' holds -2, which is no natural number"},
      {file_of(R"({"a":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}})", 8),
       "shape of tensor 'a' holds 2.0, which is no natural number"},
      {file_of(R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}})", 0), "the shape of tensor 'a' overflows"},
      {file_of(R"({"a":{"dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,0]}})", 0),
       "shape of tensor 'a' holds 18446744073709551615, which is no natural number"},
      {file_of(R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})", 8), "tensor 'a' has 8 bytes where its shape needs 12"},
      {file_of(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}})", 8), "data_offsets of tensor 'a' are not [begin, end]"},
      {file_of(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}})", 8),
       "data_offsets of tensor 'a' holds -8, which is no natural number"},
      {file_of(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8,9]}})", 8), "data_offsets of tensor 'a' are not [begin, end]"},
      {file_of(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})", 12),
       "tensor 'b' begins at byte 4 of the data, the one before it ends at 8"},
      {file_of(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[12,16]}})", 16),
       "tensor 'b' begins at byte 12 of the data, the one before it ends at 8"},
      {file_of(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})", 12),
       "tensor 'a' begins at byte 4 of the data, the one before it ends at 0"},
      {file_of("{" + good + "}", 7), "tensor 'a' ends at byte 8 of the data, the file has 7"},
      {file_of("{" + good + "}", 9), "its tensors take 8 bytes of data, the file has 9"},
      {file_of(R"({"__metadata__":[]})", 0), "its metadata are not an object"},
      {file_of(R"({"__metadata__":{"a":1}})", 0), "'a' of its metadata is not a string"},
  };
  for (const Lie& lie : lies) CHECK(why(lie.bytes) == kPrefix + std::string(lie.reason));
}

TEST_CASE("an honest file is accepted: empty, empty tensors, scalars, blanks behind the header") {
  CHECK(why(file_of("{}", 0)) == "accepted");
  CHECK(why(file_of(R"({"a":{"dtype":"F32","shape":[0,4],"data_offsets":[0,0]},"b":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}   )",
                    1)) == "accepted");
  CHECK(why(file_of(R"({"__metadata__":{"format":"pt"},"x":{"data_offsets":[0,2],"shape":[1],"dtype":"BF16"}})", 2)) == "accepted");
}

TEST_CASE("a path that is no file says so") {
  TemporaryDirectory directory;
  const auto message = [](const std::filesystem::path& path) -> std::string {
    try {
      SafetensorsFile file(path, Exit::preflight);
    } catch (const Error& error) {
      return error.what();
    }
    return "accepted";
  };
  CHECK(message(directory / "absent").find("No such file") != std::string::npos);
  CHECK(message(directory.path()).find("is not a file") != std::string::npos);
}

TEST_CASE("what is written is read back: names, shapes, metadata, bytes") {
  TemporaryDirectory directory;
  const std::vector<StoredTensor> tensors{{"b \"quoted\"\n", "F32", {2, 1}, 0, 8}, {"a", "BF16", {3}, 8, 6}, {"empty", "F32", {0}, 14, 0}};
  const std::string header = safetensors_header(tensors, {{"key", "value \\ with \"marks\""}});
  CHECK(header.size() % 8 == 0);
  const std::string path = directory / "x.safetensors";
  std::ofstream(path, std::ios::binary) << header << "abcdefgh"
                                        << "ijklmn";
  const SafetensorsFile file(path, Exit::failed);
  CHECK(file.header().metadata.at("key") == "value \\ with \"marks\"");
  REQUIRE(file.find("b \"quoted\"\n"));
  CHECK(file.find("b \"quoted\"\n")->shape == std::vector<int64_t>{2, 1});
  REQUIRE(file.find("a"));
  std::string bytes(6, ' ');
  file.read(file.find("a")->offset, 6, bytes.data());
  CHECK(bytes == "ijklmn");
  CHECK(file.find("absent") == nullptr);
}

TEST_CASE("fp16 and bf16 convert exactly, every one of the 65536 values") {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    const auto word = static_cast<uint16_t>(bits);
    float half = 0, brain = 0;
    to_fp32("F16", &word, 1, &half);
    to_fp32("BF16", &word, 1, &brain);
    const int exponent = static_cast<int>(bits >> 10) & 0x1F, mantissa = static_cast<int>(bits & 0x3FF);
    const float sign = (bits & 0x8000) != 0 ? -1.0F : 1.0F;
    if (exponent == 31) {
      CHECK((mantissa == 0 ? half == sign * std::numeric_limits<float>::infinity() : std::isnan(half)));
    } else {
      const float expected =
          exponent == 0 ? std::ldexp(static_cast<float>(mantissa), -24) : std::ldexp(1024.0F + static_cast<float>(mantissa), exponent - 25);
      REQUIRE(half == sign * expected);
      REQUIRE(std::signbit(half) == ((bits & 0x8000) != 0));
    }
    if (std::isnan(brain)) {
      float again = 0;
      const uint16_t rounded = to_bf16(brain);
      to_fp32("BF16", &rounded, 1, &again);
      REQUIRE(std::isnan(again));
    } else {
      REQUIRE(to_bf16(brain) == word);
    }
  }
}

TEST_CASE("bf16 rounds to nearest, ties to even") {
  CHECK(to_bf16(1.0F) == 0x3F80);
  CHECK(to_bf16(1.0F + 0x1p-9F) == 0x3F80);
  CHECK(to_bf16(1.0F + 0x1p-8F) == 0x3F80);  // a tie, to even
  CHECK(to_bf16(1.0F + 0x1p-8F + 0x1p-20F) == 0x3F81);
  CHECK(to_bf16(1.0F + 3 * 0x1p-8F) == 0x3F82);  // a tie, to even
  CHECK(to_bf16(std::numeric_limits<float>::max()) == 0x7F80);
}

}  // namespace
}  // namespace llmrun
