#include "engine/ops/dropout.h"

#include "engine/core/philox.h"
#include "engine/ops/aten.h"
#include "engine/ops/cpu.h"
#include "tests/engine/ops/oracle.h"

namespace llmrun {
namespace {

constexpr DropoutKey kKey{.seed = 11, .stream = stream_named("dropout.test"), .hidden = 22};

/// On a CPU again, whatever way it went.
at::Tensor dropped(const Path& path, const at::Tensor& x, double p, const at::Tensor& tokens, int64_t first_channel = 0) {
  const at::Tensor y = path.put(x).clone();
  path.pick(cpu::dropout_, aten::dropout_)(y, p, kKey, path.put(tokens), first_channel);
  return y.cpu();
}

}  // namespace

TEST_CASE("dropout keeps what Philox says of the element's place, scaled") {
  const at::Tensor tokens = at::tensor(std::vector<int64_t>{5, 1000000007, 900000000000});  // blocks of more than 32 bits too
  for (const Path& path : paths()) {
    const at::Tensor y = dropped(path, at::ones({3, 22}), 0.25, tokens);
    for (int64_t i = 0; i < 3; ++i) {
      for (int64_t c = 0; c < 22; ++c) {
        const uint64_t element = static_cast<uint64_t>(tokens[i].item<int64_t>()) * 22 + c;
        const bool keep = philox(kKey.seed, kKey.stream, element / 4)[element % 4] >= (uint32_t{1} << 30);
        CHECK(y[i][c].item<float>() == (keep ? 1.0F / 0.75F : 0.0F));
      }
    }
  }
}

TEST_CASE("dropout of a slice of tokens or channels is that slice of the whole") {
  for (const Path& path : paths()) {
    for (const auto dtype : kDtypes) {
      const at::Tensor x = normal({40, 22}, 1, dtype), tokens = at::arange(100, 140, at::kLong), whole = dropped(path, x, 0.4, tokens);
      CHECK(dropped(path, x.slice(0, 7, 21), 0.4, tokens.slice(0, 7, 21)).equal(whole.slice(0, 7, 21)));
      for (const auto& [begin, end] : {std::pair<int64_t, int64_t>{0, 11}, {11, 22}, {3, 4}, {5, 22}}) {
        CHECK(dropped(path, x.slice(1, begin, end).contiguous(), 0.4, tokens, begin).equal(whole.slice(1, begin, end)));
      }
    }
  }
}

TEST_CASE("dropout drops a share p, another stream drops others, and p 0 drops nothing") {
  const at::Tensor tokens = at::arange(2000, at::kLong), ones = at::ones({2000, 22});
  const at::Tensor y = ones.clone(), other = ones.clone(), none = ones.clone();
  dropout_(y, 0.3, kKey, tokens);
  CHECK(std::abs(y.eq(0).to(at::kFloat).mean().item<double>() - 0.3) < 0.01);  // more than four standard errors
  dropout_(other, 0.3, {kKey.seed, kKey.stream + 1, kKey.hidden}, tokens);
  CHECK(std::abs(other.eq(0).logical_and(y.eq(0)).to(at::kFloat).mean().item<double>() - 0.09) < 0.01);
  dropout_(none, 0.0, kKey, tokens);
  CHECK(none.equal(ones));
}

}  // namespace llmrun
