#include "engine/ops/meta_kernels.h"

#include <ATen/ExpandUtils.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <torch/library.h>

#include <array>
#include <optional>
#include <tuple>

#include "engine/core/error.h"

namespace llmrun {
namespace {

using at::Tensor;
using MaybeTensor = std::optional<Tensor>;

constexpr int64_t round_up(int64_t n, int64_t multiple) { return (n + multiple - 1) / multiple * multiple; }

Tensor empty(at::IntArrayRef sizes, const Tensor& like, at::ScalarType dtype) { return at::empty(sizes, like.options().dtype(dtype)); }
Tensor empty(at::IntArrayRef sizes, const Tensor& like) { return at::empty(sizes, like.options()); }

/// What the fused kernels check first: they load 16 bytes of a head at a time.
void check_heads(const Tensor& query) {
  if (query.size(3) * query.element_size() % 16 != 0) throw Error(Exit::failed, "no fused kernel for heads of {} channels", query.size(3));
}

/// [batch, heads, tokens, head_dim], whose memory is [batch, tokens, heads, head_dim]: what the fused kernels write.
Tensor heads_inside(const Tensor& x) { return empty({x.size(0), x.size(2), x.size(1), x.size(3)}, x).transpose(1, 2); }
Tensor row_sums(const Tensor& query, int64_t rows) { return empty({query.size(0), query.size(1), rows}, query, at::kFloat); }

using Flash = std::tuple<Tensor, Tensor, Tensor, Tensor, c10::SymInt, c10::SymInt, Tensor, Tensor, Tensor>;
Flash flash(const Tensor& query, const Tensor& key, const Tensor&, double, bool, bool, std::optional<double>) {
  check_heads(query);
  const Tensor state = empty({2}, query, at::kLong);
  return {
      heads_inside(query), row_sums(query, query.size(2)), {}, {}, query.sym_size(2), key.sym_size(2), state, empty({}, query, at::kLong),
      empty({0}, query)};
}

using Gradients = std::tuple<Tensor, Tensor, Tensor>;
/// mha_bwd of flash_api.cpp: the gradient of the queries is summed in fp32.
Gradients flash_backward(const Tensor&, const Tensor& query, const Tensor& key, const Tensor& value, const Tensor&, const Tensor&,
                         const Tensor&, const Tensor&, c10::SymInt, c10::SymInt, double, bool, const Tensor&, const Tensor&,
                         std::optional<double>) {
  const int64_t rows = round_up(query.size(2), 128), width = query.size(3) <= 192 ? round_up(query.size(3), 32) : 256;
  const Tensor means = row_sums(query, rows), sums = empty({query.size(0), rows, query.size(1), width}, query, at::kFloat);
  return {heads_inside(query), heads_inside(key), heads_inside(value)};
}

std::tuple<Tensor, Tensor, Tensor, Tensor> efficient(const Tensor& query, const Tensor&, const Tensor&, const MaybeTensor&, bool, double,
                                                     bool, std::optional<double>) {
  check_heads(query);
  return {heads_inside(query), row_sums(query, round_up(query.size(2), 32)), empty({}, query, at::kLong), empty({}, query, at::kLong)};
}

std::tuple<Tensor, Tensor, Tensor, Tensor> efficient_backward(const Tensor&, const Tensor& query, const Tensor& key, const Tensor& value,
                                                              const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&,
                                                              double, std::array<bool, 4>, bool, std::optional<double>) {
  const Tensor means = row_sums(query, query.size(2));
  return {heads_inside(query), heads_inside(key), heads_inside(value), {}};
}

Flash cudnn(const Tensor& query, const Tensor& key, const Tensor&, const MaybeTensor&, bool, double, bool, bool, std::optional<double>) {
  return {heads_inside(query),         row_sums(query, query.size(2)), {}, {}, query.sym_size(2), key.sym_size(2),
          empty({}, query, at::kLong), empty({}, query, at::kLong),    {}};
}

Gradients cudnn_backward(const Tensor&, const Tensor& query, const Tensor& key, const Tensor& value, const Tensor&, const Tensor&,
                         const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&, c10::SymInt, c10::SymInt, double, bool,
                         std::optional<double>) {
  return {heads_inside(query), heads_inside(key), heads_inside(value)};
}

/// Of rows: fp32, with a last dimension of one.
Tensor statistic(const Tensor& x) { return empty({x.size(0), 1}, x, at::kFloat); }

Gradients layer_norm(const Tensor& x, c10::SymIntArrayRef, const MaybeTensor&, const MaybeTensor&, double) {
  return {at::empty_like(x), statistic(x), statistic(x)};
}

Gradients layer_norm_backward(const Tensor&, const Tensor& x, c10::SymIntArrayRef, const Tensor&, const Tensor&, const MaybeTensor& weight,
                              const MaybeTensor&, std::array<bool, 3> wanted) {
  return {at::empty_like(x), at::empty_like(*weight), wanted[2] ? at::empty_like(*weight) : Tensor()};
}

std::tuple<Tensor, Tensor> rms_norm(const Tensor& x, at::IntArrayRef, const MaybeTensor&, std::optional<double>) {
  return {at::empty_like(x), statistic(x)};
}

/// index_put_with_sort_kernel: the sorted ids, and where each was.
Tensor& index_put(Tensor& x, const c10::List<MaybeTensor>& index, const Tensor&, bool, bool) {
  const Tensor ids = index.get(0).value(), sorted = at::empty_like(ids), origin = at::empty_like(ids);
  return x;
}

Tensor index_select(const Tensor& x, int64_t dim, const Tensor& index) {
  at::DimVector sizes(x.sizes());
  sizes[static_cast<size_t>(dim)] = index.numel();
  return empty(sizes, x);
}

Tensor where(const Tensor& condition, const Tensor& yes, const Tensor& no) {
  return empty(at::infer_size(condition.sizes(), at::infer_size(yes.sizes(), no.sizes())), yes);
}

Tensor product(const Tensor& a, const Tensor& b, at::ScalarType dtype) { return empty({a.size(0), b.size(1)}, a, dtype); }
Tensor& product_out(const Tensor&, const Tensor&, at::ScalarType, Tensor& out) { return out; }
Tensor& add_product_out(const Tensor&, const Tensor&, const Tensor&, at::ScalarType, const at::Scalar&, const at::Scalar&, Tensor& out) {
  return out;
}

void adamw(at::TensorList, at::TensorList, at::TensorList, at::TensorList, at::TensorList, at::TensorList, double, double, double, double,
           double, bool, bool, const MaybeTensor&, const MaybeTensor&) {}

// What LibTorch's own would make empty first and resize then, which no allocator of the meta device hears of.
Tensor logical_not(const Tensor& x) { return empty(x.sizes(), x, at::kBool); }
Tensor logical_or(const Tensor& a, const Tensor& b) { return empty(at::infer_size(a.sizes(), b.sizes()), a, at::kBool); }
Tensor absolute(const Tensor& x) { return at::empty_like(x); }
Tensor range(const at::Scalar& start, const at::Scalar& end, std::optional<at::ScalarType> dtype, std::optional<at::Layout>,
             std::optional<at::Device>, std::optional<bool>) {
  return at::empty({end.toLong() - start.toLong()}, at::TensorOptions().dtype(dtype.value_or(at::kLong)).device(at::kMeta));
}

/// In place.
Tensor& logical_and_out(const Tensor&, const Tensor&, Tensor& out) { return out; }

at::Scalar one(const Tensor&) { return 1; }

}  // namespace

void know_meta_kernels() {
  static const torch::Library library = [] {
    torch::Library meta(torch::Library::IMPL, "aten", c10::DispatchKey::Meta, __FILE__, __LINE__);
    meta.impl("_scaled_dot_product_flash_attention", flash);
    meta.impl("_scaled_dot_product_flash_attention_backward", flash_backward);
    meta.impl("_scaled_dot_product_efficient_attention", efficient);
    meta.impl("_scaled_dot_product_efficient_attention_backward", efficient_backward);
    meta.impl("_scaled_dot_product_cudnn_attention", cudnn);
    meta.impl("_scaled_dot_product_cudnn_attention_backward", cudnn_backward);
    meta.impl("native_layer_norm", layer_norm);
    meta.impl("native_layer_norm_backward", layer_norm_backward);
    meta.impl("_fused_rms_norm", rms_norm);
    meta.impl("_index_put_impl_", index_put);
    meta.impl("index_select", index_select);
    meta.impl("where.self", where);
    meta.impl("mm.dtype", product);
    meta.impl("mm.dtype_out", product_out);
    meta.impl("addmm.dtype_out", add_product_out);
    meta.impl("_fused_adamw_", adamw);
    meta.impl("logical_and.out", logical_and_out);
    meta.impl("logical_not", logical_not);
    meta.impl("logical_or", logical_or);
    meta.impl("abs", absolute);
    meta.impl("arange.start", range);
    meta.impl("_local_scalar_dense", one);
    return meta;
  }();
}

}  // namespace llmrun
