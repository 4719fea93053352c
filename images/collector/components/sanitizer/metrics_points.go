package sanitizer

import (
	"math"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

const (
	// maxParts bounds the buckets or quantiles of one point: each is a series, or memory of Prometheus.
	maxParts = 1024
	// minScale is the coarsest exponential histogram that Prometheus knows.
	minScale = -4
	// maxScale is the finest one that it keeps. The sums of deltas stay in memory, so theirs are a little coarser: buckets 2 % wide.
	maxScale, maxDeltaScale = 8, 5
	// maxDeltaParts bounds the buckets of a delta: they stay in memory.
	maxDeltaParts = 160
	// maxExponent bounds 2^x for which there is a bucket: that of the largest float64, and a little.
	maxExponent = 1100
	// maxCount bounds one bucket: what is added up stays a count that Prometheus takes.
	maxCount = 1 << 40
)

// point is what all kinds of data points have.
type point interface {
	Attributes() pcommon.Map
	Timestamp() pcommon.Timestamp
	SetTimestamp(pcommon.Timestamp)
	StartTimestamp() pcommon.Timestamp
	SetStartTimestamp(pcommon.Timestamp)
	Flags() pmetric.DataPointFlags
}

// kind is a kind of data points.
type kind[P point, S pointSlice[P, S]] struct {
	valid func(point P, delta bool) reason
	slice func() S
	// zero makes a point that counts nothing of one that has the labels and the time that it shall have.
	zero func(like, point P)
}

type pointSlice[P point, S any] interface {
	RemoveIf(func(P) bool)
	AppendEmpty() P
	MoveAndAppendTo(S)
	Len() int
}

var (
	numbers = kind[pmetric.NumberDataPoint, pmetric.NumberDataPointSlice]{
		valid: validNumber,
		slice: pmetric.NewNumberDataPointSlice,
		zero: func(like, point pmetric.NumberDataPoint) {
			if like.ValueType() == pmetric.NumberDataPointValueTypeInt {
				point.SetIntValue(0)
			} else {
				point.SetDoubleValue(0)
			}
		},
	}
	histograms = kind[pmetric.HistogramDataPoint, pmetric.HistogramDataPointSlice]{
		valid: validHistogram,
		slice: pmetric.NewHistogramDataPointSlice,
		zero: func(like, point pmetric.HistogramDataPoint) {
			like.ExplicitBounds().CopyTo(point.ExplicitBounds())
			point.BucketCounts().FromRaw(make([]uint64, like.BucketCounts().Len()))
			if like.HasSum() {
				point.SetSum(0)
			}
		},
	}
	exponentials = kind[pmetric.ExponentialHistogramDataPoint, pmetric.ExponentialHistogramDataPointSlice]{
		valid: validExponential,
		slice: pmetric.NewExponentialHistogramDataPointSlice,
		zero: func(like, point pmetric.ExponentialHistogramDataPoint) {
			point.SetScale(like.Scale())
			if like.HasSum() {
				point.SetSum(0)
			}
		},
	}
	// Summaries have no temporality.
	summaries = kind[pmetric.SummaryDataPoint, pmetric.SummaryDataPointSlice]{valid: validSummary}
)

// begin makes the zero with which a series of deltas begins: what Prometheus sees first of a series is no increase to it, and a sender
// of deltas may send of a rare event one point alone.
func (kind kind[P, S]) begin(like, point P, oldest pcommon.Timestamp) {
	like.Attributes().CopyTo(point.Attributes())
	// A millisecond, which is Prometheus' own, after the last point of a series that was there before.
	when := like.StartTimestamp() + pcommon.Timestamp(time.Millisecond)
	if latest := like.Timestamp() - pcommon.Timestamp(time.Millisecond); when > latest || when < oldest {
		when = latest
	}
	point.SetStartTimestamp(like.StartTimestamp())
	point.SetTimestamp(when)
	kind.zero(like, point)
}

// validNumber: without a value Prometheus would store 0.
func validNumber(point pmetric.NumberDataPoint, delta bool) reason {
	if point.Flags().NoRecordedValue() {
		return unless(!delta, invalid)
	}
	return unless(point.ValueType() != pmetric.NumberDataPointValueTypeEmpty, invalid)
}

func validHistogram(point pmetric.HistogramDataPoint, delta bool) reason {
	bounds, counts := point.ExplicitBounds(), point.BucketCounts()
	if counts.Len() > maxParts || bounds.Len() > maxParts || delta && counts.Len() > maxDeltaParts {
		return tooLarge
	}
	if counts.Len() != bounds.Len()+1 && (counts.Len() != 0 || bounds.Len() != 0) {
		return invalid
	}
	for i := range bounds.Len() {
		bound := bounds.At(i)
		if math.IsNaN(bound) || i > 0 && bound <= bounds.At(i-1) {
			return invalid
		}
	}
	return unless(!delta || !point.Flags().NoRecordedValue(), invalid)
}

func validExponential(point pmetric.ExponentialHistogramDataPoint, delta bool) reason {
	if point.Scale() < minScale {
		return scale
	}
	if point.Positive().BucketCounts().Len() > maxParts || point.Negative().BucketCounts().Len() > maxParts {
		return tooLarge
	}
	if point.Flags().NoRecordedValue() {
		// Prometheus takes no buckets then.
		if delta {
			return invalid
		}
		point.SetZeroCount(0)
		point.Positive().BucketCounts().FromRaw(nil)
		point.Negative().BucketCounts().FromRaw(nil)
		return kept
	}
	sum := point.ZeroCount()
	if sum > maxCount {
		return invalid
	}
	for _, buckets := range []pmetric.ExponentialHistogramDataPointBuckets{point.Positive(), point.Negative()} {
		counts := buckets.BucketCounts()
		if counts.Len() == 0 {
			continue
		}
		// Prometheus counts buckets in 32 bits, and there are none beyond the largest number.
		most := math.Ldexp(maxExponent, int(min(point.Scale(), 30)))
		first := float64(buckets.Offset())
		if first < -most || first+float64(counts.Len()) > most || most > math.MaxInt32 && first+float64(counts.Len()) > math.MaxInt32 {
			return invalid
		}
		for i := range counts.Len() {
			if counts.At(i) > maxCount {
				return invalid
			}
			sum += counts.At(i)
		}
	}
	// Prometheus knows no threshold but its own.
	point.SetZeroThreshold(0)
	if delta {
		coarser(point, maxDeltaScale, maxDeltaParts)
		return unless(sum == point.Count(), invalid)
	}
	coarser(point, maxScale, maxParts)
	// What is not a number is in no bucket.
	if point.HasSum() && math.IsNaN(point.Sum()) {
		return unless(sum <= point.Count(), invalid)
	}
	return unless(sum == point.Count(), invalid)
}

// coarser joins neighbours until the scale and the buckets of each side are few enough. An empty side says nothing of where it begins.
func coarser(point pmetric.ExponentialHistogramDataPoint, scale int32, parts int) {
	sides := []pmetric.ExponentialHistogramDataPointBuckets{point.Positive(), point.Negative()}
	for _, side := range sides {
		trim(side)
	}
	for _, side := range sides {
		for point.Scale() > scale || side.BucketCounts().Len() > parts {
			// All at once as far as the scale goes, then one by one.
			by := max(1, point.Scale()-scale)
			for _, each := range sides {
				join(each, by)
			}
			point.SetScale(point.Scale() - by)
		}
	}
}

// trim removes empty buckets at both ends.
func trim(side pmetric.ExponentialHistogramDataPointBuckets) {
	counts := side.BucketCounts()
	first, end := 0, counts.Len()
	for first < end && counts.At(first) == 0 {
		first++
	}
	for end > first && counts.At(end-1) == 0 {
		end--
	}
	if end-first == counts.Len() {
		if end == 0 {
			side.SetOffset(0)
		}
		return
	}
	left := counts.AsRaw()[first:end]
	counts.FromRaw(left)
	side.SetOffset(side.Offset() + int32(first))
	if len(left) == 0 {
		side.SetOffset(0)
	}
}

// join makes one of 2^by buckets.
func join(side pmetric.ExponentialHistogramDataPointBuckets, by int32) {
	counts := side.BucketCounts().AsRaw()
	if len(counts) == 0 {
		return
	}
	shift := uint(min(by, 31))
	first := side.Offset() >> shift
	joined := make([]uint64, (side.Offset()+int32(len(counts))-1)>>shift-first+1)
	for i, count := range counts {
		joined[(side.Offset()+int32(i))>>shift-first] += count
	}
	side.BucketCounts().FromRaw(joined)
	side.SetOffset(first)
}

func validSummary(point pmetric.SummaryDataPoint, _ bool) reason {
	if point.QuantileValues().Len() > maxParts {
		return tooLarge
	}
	for i := range point.QuantileValues().Len() {
		if quantile := point.QuantileValues().At(i).Quantile(); !(quantile >= 0 && quantile <= 1) {
			return invalid
		}
	}
	return kept
}

func unless(holds bool, otherwise reason) reason {
	if holds {
		return kept
	}
	return otherwise
}
