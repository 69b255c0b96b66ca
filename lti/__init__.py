"""LTI 1.3 and Advantage as the specifications have them; the only home of pylti1p3."""
