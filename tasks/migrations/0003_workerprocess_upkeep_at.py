from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tasks", "0002_list_indexes")]

    operations = [
        migrations.AddField(
            model_name="workerprocess",
            name="upkeep_at",
            field=models.DateTimeField(null=True),
        ),
    ]
